/** Writes a whole number, which the API sends as a text if it may have 64 bits. */
export function count(value: string | number): string {
  return BigInt(value).toLocaleString("en");
}

/** Writes a cost with two decimals, or if it is less than one with four digits. */
export function amount(cost: string | number): string {
  const value = Number(cost);
  const digits = Math.abs(value) < 1 && value !== 0 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 2 };
  return value.toLocaleString("en", { minimumFractionDigits: 2, ...digits });
}

/** A cost in the currency of the prices in the settings; the exact value shows when the pointer rests on it. */
export function Cost({ value }: { value: string }) {
  return <span title={value}>{amount(value)}</span>;
}

/** Tokens that a model has read and written. */
export function Tokens({ input, output }: { input: string | null; output: string | null }) {
  return (
    <>
      {count(input ?? 0)} in · {count(output ?? 0)} out
    </>
  );
}
