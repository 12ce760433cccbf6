import { useContext } from "react";

import { useOperation } from "../../api/hooks";
import { Erasure } from "../../api/operations";
import { EntityLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Text } from "../../parts/text";
import { Session } from "../../session";

/** Says that the personal data of a person was erased, to callers that may see the record of it. */
export function ErasureNotice({ id }: { id: string }) {
  const { schema } = useContext(Session);
  const { data } = useOperation(Erasure, schema.hasQuery("subjects") ? { subject: id } : null);
  const record = data?.subjects?.nodes[0];
  if (!record) return null;
  return (
    <p className="notice">
      The personal data was erased at <Moment at={record.erasedAt} /> and reads as null in every version: record{" "}
      <EntityLink id={record.id} />
      {record.reason && (
        <>
          , reason: <Text>{record.reason}</Text>
        </>
      )}
    </p>
  );
}
