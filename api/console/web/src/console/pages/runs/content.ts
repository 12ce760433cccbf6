import { writeJson } from "../../parts/report";

/** The content of a span: attributes with messages and arguments of tools, by their names. */
export type SpanContent = Readonly<Record<string, unknown>>;

/** A part of a conversation: what was said by whom, or what a tool got or returned. */
export type ContentPart = { label: string; value: unknown };

/** The content of a span as a conversation: what the model or the tool got, and what it returned. */
export type Conversation = { input: ContentPart[]; output: ContentPart[] };

type Message = Record<string, unknown>;
type Reader = { side: keyof Conversation; read(value: unknown): ContentPart[] };

const labelled =
  (label: string) =>
  (value: unknown): ContentPart[] => [{ label, value: parsed(value) }];

/** The attributes by the semantic conventions for generative AI, older ones too, in the order of a conversation. */
const READERS: Record<string, Reader> = {
  "gen_ai.system_instructions": { side: "input", read: messages("system") },
  "gen_ai.prompt": { side: "input", read: messages("prompt") },
  "gen_ai.input.messages": { side: "input", read: messages("user") },
  "gen_ai.retrieval.query.text": { side: "input", read: labelled("query") },
  "gen_ai.tool.call.arguments": { side: "input", read: labelled("arguments") },
  tool_arguments: { side: "input", read: labelled("arguments") },
  "gen_ai.retrieval.documents": { side: "output", read: labelled("documents") },
  "gen_ai.tool.call.result": { side: "output", read: labelled("result") },
  tool_response: { side: "output", read: labelled("result") },
  "gen_ai.completion": { side: "output", read: messages("assistant") },
  "gen_ai.output.messages": { side: "output", read: messages("assistant") },
  "status.message": { side: "output", read: labelled("error") },
};

/** Returns the content of a span in the order of a conversation. What is not known comes last, under its own name. */
export function conversationOf(content: SpanContent): Conversation {
  const conversation: Conversation = { input: [], output: [] };
  for (const [name, { side, read }] of Object.entries(READERS))
    if (name in content) conversation[side].push(...read(content[name]));
  conversation.input.push(...numberedMessages(content, "gen_ai.prompt"));
  conversation.output.push(...numberedMessages(content, "gen_ai.completion"));
  for (const [name, value] of Object.entries(content)) {
    if (name in READERS || isNumbered(name)) continue;
    if (name === "events") conversation.output.push(...events(value));
    else conversation.output.push({ label: name, value });
  }
  return conversation;
}

/** Returns how many parts at the beginning of a conversation are those of another one. */
export function repeated(parts: ContentPart[], before: ContentPart[]): number {
  const differs = parts.findIndex((part, index) => writeJson(part) !== writeJson(before[index]));
  return differs < 0 ? parts.length : differs;
}

/** Returns a reader of messages; `role` is that of a message which names none. */
function messages(role: string): Reader["read"] {
  return (value) => {
    const list = parsed(value);
    return (Array.isArray(list) ? list : [list]).flatMap((message) => messageParts(message, role));
  };
}

function messageParts(message: unknown, role: string): ContentPart[] {
  if (!isMessage(message)) return [{ label: role, value: message }];
  const label = typeof message.role === "string" ? message.role : role;
  const parts = message.parts ?? message.content ?? message;
  return (Array.isArray(parts) ? parts : [parts]).map((part) => partOf(part, label));
}

function partOf(part: unknown, role: string): ContentPart {
  if (!isMessage(part)) return { label: role, value: part };
  const { type, name, content, text } = part;
  if (type === "tool_call") return { label: `${role} calls ${String(name)}`, value: parsed(part.arguments) };
  if (type === "tool_call_response") return { label: "tool result", value: parsed(part.response ?? part.result) };
  return { label: role, value: (type === "text" ? (content ?? text) : undefined) ?? part };
}

/** Reads messages whose members are attributes of their own, as in `gen_ai.prompt.0.content`. */
function numberedMessages(content: SpanContent, prefix: string): ContentPart[] {
  const byNumber = new Map<string, Message>();
  for (const [name, value] of Object.entries(content)) {
    const [, number, member] = new RegExp(`^${prefix.replaceAll(".", "\\.")}\\.(\\d+)\\.(.+)$`).exec(name) ?? [];
    if (number && member) byNumber.set(number, { ...byNumber.get(number), [member]: value });
  }
  return [...byNumber.values()].flatMap((message) => messageParts(message, "message"));
}

function isNumbered(name: string): boolean {
  return /^gen_ai\.(prompt|completion)\.\d+\..+$/.test(name);
}

/** Reads the events of a span, which quote messages or errors. */
function events(value: unknown): ContentPart[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((event) =>
    isMessage(event) ? { label: String(event.name), value: event.attributes } : { label: "event", value: event },
  );
}

/** Returns the value of a text that is JSON; any other value as it is. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{"]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
