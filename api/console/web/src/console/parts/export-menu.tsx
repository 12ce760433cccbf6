import { useState } from "react";

import type { Problem } from "../api/problems";
import { toMarkdown } from "./markdown";
import { Problems } from "./problems";
import { type Origin, type Report, toJson } from "./report";

/** A report, or why there is none. */
export type Built = { report: Report | undefined; problems: Problem[] };

type Format = { name: string; type: string; extension: string; write(report: Report, origin: Origin): string };

const FORMATS: Format[] = [
  { name: "JSON", type: "application/json", extension: "json", write: toJson },
  { name: "Markdown", type: "text/markdown", extension: "md", write: toMarkdown },
];

/** Saves what a page shows as a file, without fields that may have personal data. */
export function ExportMenu({ build }: { build(): Promise<Built> }) {
  const [problems, setProblems] = useState<Problem[]>([]);
  const [isWriting, setIsWriting] = useState(false);

  async function save({ type, extension, write }: Format) {
    setIsWriting(true);
    const { report, problems } = await build();
    setIsWriting(false);
    setProblems(problems);
    if (!report) return;
    const origin = { writtenAt: new Date().toISOString(), address: location.href };
    const name = `nerve-${report.page}-${report.id}`.replace(/[^\w.-]+/g, "_").slice(0, 120);
    download(`${name}.${extension}`, new Blob([write(report, origin)], { type }));
  }

  return (
    <div className="export" aria-busy={isWriting}>
      Export as{" "}
      {FORMATS.map((format) => (
        <button
          key={format.name}
          type="button"
          aria-label={`Export as ${format.name}`}
          disabled={isWriting}
          onClick={() => void save(format)}
        >
          {format.name}
        </button>
      ))}
      <Problems problems={problems} about="all of what is exported" />
    </div>
  );
}

function download(name: string, file: Blob): void {
  const address = URL.createObjectURL(file);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  // The browser has begun to save the file when this runs.
  setTimeout(() => URL.revokeObjectURL(address), 1_000);
}
