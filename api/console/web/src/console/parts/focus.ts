import { type RefObject, useEffect, useRef } from "react";

/**
 * Moves the focus to a part of the page that was opened, and when it is closed back to the element with the id of
 * `opener`. The part needs a `tabIndex` of -1.
 */
export function useFocusedPart<Part extends HTMLElement>(opener: string): RefObject<Part | null> {
  const part = useRef<Part>(null);
  useEffect(() => {
    part.current?.focus();
    return () => document.getElementById(opener)?.focus();
  }, [opener]);
  return part;
}
