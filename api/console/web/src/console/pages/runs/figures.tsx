import { createContext, type ReactNode, useContext } from "react";

import { useOperation } from "../../api/hooks";
import { CostCurrency } from "../../api/operations";
import { Session } from "../../session";

const Currency = createContext<string | null>(null);

/** Shows costs inside with the currency that the settings name. */
export function WithCurrency({ children }: { children: ReactNode }) {
  const { schema } = useContext(Session);
  const { data } = useOperation(CostCurrency, schema.hasQuery("costCurrency") ? {} : null);
  return <Currency.Provider value={data?.costCurrency ?? null}>{children}</Currency.Provider>;
}

/** Returns a function that writes a cost with its currency, if the settings name one. */
export function useMoney(): (cost: string | number) => string {
  const currency = useContext(Currency);
  return (cost) => (currency === null ? amount(cost) : `${amount(cost)}\u00a0${currency}`);
}

/** Writes a whole number, which the API sends as a text if it may have 64 bits. */
export function count(value: string | number): string {
  return BigInt(value).toLocaleString("en");
}

/** Writes a cost with two decimals, or if it is less than one with four digits. */
function amount(cost: string | number): string {
  const value = Number(cost);
  const digits = Math.abs(value) < 1 && value !== 0 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 2 };
  return value.toLocaleString("en", { minimumFractionDigits: 2, ...digits });
}

/** A cost in the currency of the prices in the settings; the exact value shows when the pointer rests on it. */
export function Cost({ value }: { value: string }) {
  const money = useMoney();
  return <span title={value}>{money(value)}</span>;
}

/** Tokens that a model has read and written. */
export function Tokens({ input, output }: { input: string | null; output: string | null }) {
  return (
    <>
      {count(input ?? 0)} in · {count(output ?? 0)} out
    </>
  );
}
