import { useEffect } from "react";

import { useOperation } from "../../api/hooks";
import { ProcessSteps } from "../../api/operate";
import { usePolling } from "../../api/polling";
import type { ProcessStepsQuery } from "../../api/types";
import { counted } from "../../parts/counted";
import { EntityLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { RowActions } from "../../parts/row-actions";
import { Text } from "../../parts/text";
import { type Process, type ProcessAction, processName } from "./process-actions";

type Effect = NonNullable<ProcessStepsQuery["process"]>["effects"][number];
type Attempts = NonNullable<ProcessStepsQuery["processAttempts"]>[number];

type Props = {
  id: string;
  /** The instance as the list has it, if it does. */
  listed: Process | undefined;
  actions: ProcessAction[];
  /** Reads the list again. */
  reload(): void;
  close(): void;
};

/** What an instance of a process has asked for, in its order, with what became of each step. */
export function ProcessStepsPanel({ id, listed, actions, reload: reloadList, close }: Props) {
  const answer = useOperation(ProcessSteps, { id });
  // Attempts are no events, so nothing says when there is another one.
  usePolling(answer);
  const { data, problems, reload } = answer;
  useEffect(reload, [listed?.updatedAt]);
  const process = data?.process;
  const attempts = new Map(data?.processAttempts?.map((each) => [each.effectId, each]));
  return (
    <section className="why" aria-labelledby="steps-title">
      <h2 id="steps-title">
        Steps of <EntityLink id={id} />
      </h2>
      <button type="button" className="close" onClick={close}>
        close
      </button>
      <Problems problems={problems} about="the steps of this process" />
      {process === null && <p>There is no process with this id that you may see.</p>}
      {process && (
        <>
          <p>
            <span className={`badge process-${process.status.toLowerCase()}`}>{process.status.toLowerCase()}</span>{" "}
            {process.stuckOn && (
              <>
                stuck on <strong>{process.stuckOn}</strong>: <Text>{process.error ?? ""}</Text>
              </>
            )}
            {process.compensationReason && (
              <>
                compensates because of: <Text>{process.compensationReason}</Text>
              </>
            )}
          </p>
          {listed && actions.length > 0 && (
            <menu>
              <RowActions item={listed} name={processName(listed)} actions={actions} reload={reloadList} />
            </menu>
          )}
          {process.omittedEffects > 0 && <p className="quiet">{counted(process.omittedEffects, "earlier step is", "earlier steps are")} left out.</p>}
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>step</th>
                  <th>does</th>
                  <th>state</th>
                  <th>asked for</th>
                  <th>settled</th>
                  <th>message</th>
                </tr>
              </thead>
              <tbody>
                {process.effects.map((effect) => (
                  <StepRow
                    key={effect.effectId}
                    effect={effect}
                    attempts={attempts.get(effect.effectId)}
                    isStuck={process.status === "STUCK" && process.stuckOn === effect.name}
                  />
                ))}
              </tbody>
            </table>
          </div>
          {process.deadlines.map(({ name, due }) => (
            <p key={name}>
              Deadline <strong>{name}</strong>: <Moment at={due} />
            </p>
          ))}
        </>
      )}
    </section>
  );
}

type StepRowProps = { effect: Effect; attempts: Attempts | undefined; isStuck: boolean };

function StepRow({ effect, attempts, isStuck }: StepRowProps) {
  return (
    <tr className={isStuck ? "selected" : undefined}>
      <th scope="row">{effect.name}</th>
      <td>
        {effect.kind.toLowerCase()} <Text>{effect.operation}</Text>
        {effect.port && <span className="quiet"> through {effect.port}</span>}
        {effect.compensates && <span className="quiet"> undoes {effect.compensates}</span>}
      </td>
      <td>
        <span className={`badge effect-${effect.state.toLowerCase()}`}>
          {effect.state.toLowerCase().replace("_", " ")}
        </span>
      </td>
      <td>
        <Moment at={effect.requestedAt} />
      </td>
      <td>{effect.settledAt && <Moment at={effect.settledAt} />}</td>
      <td>
        {effect.code && <strong>{effect.code}</strong>} <Text>{effect.message ?? ""}</Text>
        {attempts && (
          <p>
            {counted(attempts.attempts, "attempt")}, the last failed: <Text>{attempts.error ?? "without a reply"}</Text>
            {attempts.nextAttemptAt && (
              <>
                ; again at <Moment at={attempts.nextAttemptAt} isClock />
              </>
            )}
          </p>
        )}
      </td>
    </tr>
  );
}
