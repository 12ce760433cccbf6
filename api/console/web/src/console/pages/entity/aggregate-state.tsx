import { useContext, useState } from "react";

import { useOperation } from "../../api/hooks";
import { AggregateState as AggregateStateQuery } from "../../api/operations";
import { Json } from "../../parts/json";
import { Problems } from "../../parts/problems";
import { Session } from "../../session";
import { DifferenceList } from "./difference-list";

type Props = {
  id: string;
  version: number;
  /** The version before, with which the state is compared; 0 is the state before the first event. */
  from: number;
  isOpen: boolean;
};

/** The state on which commands are decided, at one version. It is read when it is opened. */
export function AggregateState({ id, version, from, isOpen }: Props) {
  const { schema } = useContext(Session);
  const [isShown, setIsShown] = useState(isOpen);
  const { data, problems, isLoading } = useOperation(AggregateStateQuery, isShown ? { id, version, from } : null);
  if (!schema.hasQuery("stateAt")) return null;
  return (
    <details
      className="aggregate"
      aria-busy={isLoading}
      open={isShown}
      onToggle={(event) => setIsShown(event.currentTarget.open)}
    >
      <summary>
        <h2>State of the aggregate</h2>
      </summary>
      <Problems problems={problems} about={`the state of ${id}`} />
      {data?.stateAt && <Json value={data.stateAt.state} />}
      {data?.diff && <DifferenceList changes={data.diff} />}
    </details>
  );
}
