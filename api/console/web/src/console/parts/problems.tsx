import { isRefusal, type Problem, UNREACHABLE } from "../api/problems";
import { Text, visible } from "./text";

/** What the problems that are common mean for what the person at the screen has done. */
type Explanations = { refused: string; signedOut: string; missing: string; unreachable: string };

const ACTION: Explanations = {
  refused: "You may not do this.",
  signedOut: "You are not signed in. Use “Sign in” above to do this.",
  missing: "What this is done to does not exist any longer, or you may not see it.",
  unreachable: "nerve could not be reached. The action may have been done; look before you repeat it.",
};

const SEARCH: Explanations = {
  refused: "You may not search here.",
  signedOut: "You are not signed in. Use “Sign in” above to search.",
  missing: "Nothing that you may see has this id.",
  unreachable: "nerve could not be reached, so not everything was searched. Search again later.",
};

/** What went wrong with reading. A page shows it in the place of what is missing. */
export function Problems({ problems, about: what }: { problems: Problem[]; about: string }) {
  const about = visible(what);
  const reading = {
    refused: `You may not see ${about}, or it does not exist in this deployment.`,
    signedOut: `You are not signed in. Use “Sign in” above to see ${about}.`,
    missing: `There is no such thing that you may see: ${about}.`,
    unreachable: `nerve could not be reached for ${about}. It is read again when the connection is back.`,
  };
  return <ProblemList problems={problems} explanations={reading} />;
}

/** What went wrong with an action. */
export function ActionProblems({ problems }: { problems: Problem[] }) {
  return <ProblemList problems={problems} explanations={ACTION} />;
}

/** What went wrong with a search. */
export function SearchProblems({ problems }: { problems: Problem[] }) {
  return <ProblemList problems={problems} explanations={SEARCH} />;
}

function ProblemList({ problems, explanations }: { problems: Problem[]; explanations: Explanations }) {
  if (!problems.length) return null;
  return (
    <div role="alert" className="problem">
      {problems.slice(0, 3).map((problem, index) => (
        <p key={index}>{explain(problem, explanations)}</p>
      ))}
    </div>
  );
}

function explain(problem: Problem, { refused, signedOut, missing, unreachable }: Explanations) {
  const { code, message } = problem;
  if (isRefusal(problem)) return refused;
  if (code === "UNAUTHENTICATED") return signedOut;
  if (code === "NOT_FOUND") return missing;
  if (code === UNREACHABLE) return unreachable;
  return (
    <>
      <strong>{code}</strong>: <Text short={1_000}>{message}</Text>
    </>
  );
}
