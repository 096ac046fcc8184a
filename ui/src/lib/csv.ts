// Comma separated values as RFC 4180 has them.

const RISKY = /^[=+\-@\t\r]/;

/** A cell that came as text: what a spreadsheet would run as a formula gets an apostrophe. */
export function textCell(text: string): string {
  return quoted(RISKY.test(text) ? `'${text}` : text);
}

/** A cell that is a number or a time: left as it is. */
export function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows of cells that are escaped already. */
export function csvOf(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.join(',') + '\r\n').join('');
}
