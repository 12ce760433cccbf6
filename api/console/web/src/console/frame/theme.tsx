import { useState } from "react";

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEY = "nerve.theme";

export function readTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === stored) ?? "system";
}

export function applyTheme(theme: Theme): void {
  document.documentElement.style.colorScheme = theme === "system" ? "light dark" : theme;
}

/** Chooses light or dark colours, or those of the system. */
export function ThemeChoice() {
  const [theme, setTheme] = useState(readTheme);

  function choose(chosen: Theme) {
    localStorage.setItem(KEY, chosen);
    applyTheme(chosen);
    setTheme(chosen);
  }

  return (
    <select
      aria-label="Colours"
      value={theme}
      onChange={({ target }) => choose(THEMES.find((each) => each === target.value) ?? "system")}
    >
      {THEMES.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  );
}
