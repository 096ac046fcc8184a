// Comma separated values as RFC 4180 has them, and files for the user to keep.

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

/** Letters, digits and "-_." only: safe in every file system and header. */
export function fileName(text: string, ending: string): string {
  const safe = text.replace(/[^A-Za-z0-9_.-]+/g, '_').replace(/^[_.]+|_+$/g, '').slice(0, 80);
  return `${safe || 'thanos'}.${ending}`;
}

/** Hands a text to the browser as a download. */
export function download(name: string, text: string, type = 'text/csv;charset=utf-8'): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
