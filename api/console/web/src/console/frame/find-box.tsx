import { type FormEvent, useContext, useEffect, useRef, useState } from "react";

import { open } from "../address";
import { find, type Findings, type Match } from "../api/find";
import { SearchProblems } from "../parts/problems";
import { Line } from "../parts/text";
import { Session } from "../session";

/** One box for ids of every kind and for words. Ctrl-K and “/” open it from everywhere. */
export function FindBox() {
  const session = useContext(Session);
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [findings, setFindings] = useState<Findings>();
  const [isSearching, setIsSearching] = useState(false);
  const latest = useRef(0);

  function show() {
    dialog.current?.showModal();
    input.current?.select();
  }

  function hide() {
    latest.current += 1;
    setIsSearching(false);
    setFindings(undefined);
  }

  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea, dialog");
      const isShortcut = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
      if (!isShortcut && (event.key !== "/" || isTyping)) return;
      event.preventDefault();
      show();
    }
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  function choose(match: Match) {
    open(match.link);
    dialog.current?.close();
  }

  async function search(event: FormEvent) {
    event.preventDefault();
    const text = input.current?.value.trim();
    if (!text) return;
    const search = ++latest.current;
    setIsSearching(true);
    const result = await find(text, session);
    if (search !== latest.current) return;
    setIsSearching(false);
    const [only, ...others] = result.matches;
    if (only && !others.length) choose(only);
    else setFindings(result);
  }

  const { matches, problems = [] } = findings ?? {};
  return (
    <>
      <button type="button" className="find" onClick={show}>
        Find any id <kbd>Ctrl K</kbd>
      </button>
      <dialog ref={dialog} className="dialog find-dialog" aria-label="Find" onClose={hide}>
        <form onSubmit={search} role="search">
          <input
            ref={input}
            type="text"
            aria-label="An id of a stream, event, command, correlation, process or row, a position, or words"
            placeholder="An id, a position, or words"
            autoComplete="off"
            spellCheck={false}
          />
          <button type="submit" className="primary">
            Find
          </button>
        </form>
        <div role="status" className="quiet">
          {isSearching && "Searching…"}
          {matches?.length === 0 &&
            !problems.length &&
            "Nothing that you may see has this id or these words. Ids are exact."}
        </div>
        <SearchProblems problems={problems} />
        {matches && (
          <ul className="matches">
            {matches.map((match) => (
              <li key={match.link}>
                <a href={match.link} onClick={() => dialog.current?.close()}>
                  <span className="badge">{match.kind}</span> <Line>{match.title}</Line>
                </a>
              </li>
            ))}
          </ul>
        )}
      </dialog>
    </>
  );
}
