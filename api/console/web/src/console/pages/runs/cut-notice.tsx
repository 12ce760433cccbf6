import { Line } from "../../parts/text";
import type { RunReading } from "./use-run";

/** Says that a run has more spans than the page keeps, where it has. */
export function CutNotice({ reading }: { reading: RunReading }) {
  const { run, spans, isCut } = reading;
  if (!run || !isCut) return null;
  return (
    <p>
      <Line>{run.id}</Line> has more spans than the {spans.length.toLocaleString("en")} that are shown here.
    </p>
  );
}
