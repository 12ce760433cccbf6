import { linkTo, open, type PageState } from "../../address";

/** Returns the link to a section of “Operate” in this state. */
export function linkToSection(section: string, state: PageState = {}): string {
  return linkTo("operate", { section, ...state });
}

export function openSection(section: string, state: PageState = {}): void {
  open(linkToSection(section, state), { replace: true });
}
