/** A table in Markdown whose columns are also aligned as plain text; numbers to the right. */
export function markdown(rows) {
  const names = Object.keys(rows[0]);
  const texts = rows.map((row) => names.map((name) => String(row[name] ?? "")));
  const isNumber = names.map((_, column) => texts.every((cells) => /^[\d., %]*$/.test(cells[column])));
  const widths = names.map((name, column) => Math.max(name.length, ...texts.map((cells) => cells[column].length)));
  const line = (cells) =>
    `| ${cells.map((cell, column) => (isNumber[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(" | ")} |`;
  const rule = widths.map((width, column) => (isNumber[column] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(names), line(rule), ...texts.map(line)].join("\n");
}
