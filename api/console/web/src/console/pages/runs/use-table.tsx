import { duration } from "../../parts/moment";
import { Text } from "../../parts/text";
import { type Use, usesOf } from "./compare-runs";
import { useMoney } from "./figures";
import type { Span } from "./span";

type Props = { title: string; role: "model" | "tool"; first: Span[]; second: Span[] };

/** The models, or the tools, that two runs have called. */
export function UseTable({ title, role, first, second }: Props) {
  const [firstUses, secondUses] = [usesOf(first, role), usesOf(second, role)];
  const names = [...new Set([...firstUses.keys(), ...secondUses.keys()])].sort();
  if (!names.length) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <div className="scroll">
        <table className="comparison">
          <thead>
            <tr>
              <th>{role}</th>
              <th>first</th>
              <th>second</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <UseRow key={name} name={name} role={role} first={firstUses.get(name)} second={secondUses.get(name)} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

type RowProps = { name: string; role: Props["role"]; first: Use | undefined; second: Use | undefined };

function UseRow({ name, role, first, second }: RowProps) {
  const money = useMoney();
  return (
    <tr className={first?.calls === second?.calls ? undefined : "changed"}>
      <th scope="row">
        <Text>{name}</Text>
      </th>
      <td>{describe(first, role, money)}</td>
      <td>{describe(second, role, money)}</td>
    </tr>
  );
}

function describe(use: Use | undefined, role: Props["role"], money: (cost: number) => string): string {
  if (!use) return "not called";
  const parts = [`${use.calls} ${use.calls === 1 ? "call" : "calls"}`, duration(use.seconds)];
  if (role === "model") {
    parts.push(`${use.input.toLocaleString("en")} in · ${use.output.toLocaleString("en")} out`);
    parts.push(`cost ${money(use.cost)}`);
  }
  if (use.errors) parts.push(`${use.errors} failed`);
  return parts.join(", ");
}
