import { isRefusal, type Problem, UNREACHABLE } from "../api/problems";
import { Text } from "./text";

/** What went wrong, in words for the person at the screen. A page shows it in the place of what is missing. */
export function Problems({ problems, about }: { problems: Problem[]; about: string }) {
  if (!problems.length) return null;
  return (
    <div role="alert" className="problem">
      {problems.slice(0, 3).map((problem, index) => (
        <p key={index}>{explain(problem, about)}</p>
      ))}
    </div>
  );
}

function explain(problem: Problem, about: string) {
  const { code, message } = problem;
  if (isRefusal(problem)) return `You may not see ${about}, or it does not exist in this deployment.`;
  if (code === "UNAUTHENTICATED") return `You are not signed in, and ${about} needs it. Use “Sign in” above.`;
  if (code === "NOT_FOUND") return `There is no such thing that you may see: ${about}.`;
  if (code === UNREACHABLE) return `nerve could not be reached for ${about}. It is read again when the connection is back.`;
  return (
    <>
      <strong>{code}</strong>: <Text>{message}</Text>
    </>
  );
}
