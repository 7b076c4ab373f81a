/** Prints what a benchmark found, and puts the same into a document where BENCH_DOC names one. */
import { readFile, writeFile } from "node:fs/promises";

/** A table in Markdown whose columns are also aligned as plain text; numbers to the right. */
export function markdown(rows) {
  const names = Object.keys(rows[0]);
  const texts = rows.map((row) => names.map((name) => String(row[name] ?? "")));
  const isNumber = names.map((_, column) => texts.every((cells) => /^[\d., %]*$/.test(cells[column])));
  const widths = names.map((name, column) => Math.max(name.length, ...texts.map((cells) => cells[column].length)));
  const pad = (cell, column) => (isNumber[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]));
  const rule = widths.map((width, column) => (isNumber[column] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [names.map(pad), rule, ...texts.map((cells) => cells.map(pad))]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

/** @param text of the document, in which comments `<!-- name -->` and `<!-- /name -->` stand around what is replaced */
export function replacePart(text, name, part) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`no \`${begin}\` before \`${end}\``);
  return `${text.slice(0, from + begin.length)}\n${part.trim()}\n${text.slice(to)}`;
}

/** @returns how to print paragraphs, and how to write all of them into the document when all is done */
export function openReport(name) {
  const paragraphs = [];
  return {
    print(paragraph) {
      paragraphs.push(paragraph);
      console.log(`${paragraph}\n`);
    },
    async write() {
      const file = process.env.BENCH_DOC;
      if (file) await writeFile(file, replacePart(await readFile(file, "utf8"), name, paragraphs.join("\n\n")));
    },
  };
}
