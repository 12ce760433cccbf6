import { useCallback, useState } from "react";

/** The nodes of a tree that are closed, and a function that opens or closes one. */
export function useFolds(): [ReadonlySet<string>, (id: string) => void] {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const toggle = useCallback((id: string) => {
    setClosed((before) => {
      const changed = new Set(before);
      if (!changed.delete(id)) changed.add(id);
      return changed;
    });
  }, []);
  return [closed, toggle];
}

type Props = { hasChildren: boolean; isClosed: boolean; label: string; toggle(): void };

/** Opens and closes a node of a tree. A node without children has a blank in its place. */
export function Fold({ hasChildren, isClosed, label, toggle }: Props) {
  if (!hasChildren) return <span className="fold" />;
  return (
    <button type="button" className="fold" aria-expanded={!isClosed} aria-label={label} onClick={toggle}>
      {isClosed ? "▸" : "▾"}
    </button>
  );
}
