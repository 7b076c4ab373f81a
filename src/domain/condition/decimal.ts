/** An exact decimal number, its digits without superfluous zeros. */
export interface Decimal {
  readonly negative: boolean;
  readonly whole: string;
  readonly fraction: string;
}

const SHAPE = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Reads `-?\d+(\.\d+)?` (C7); null for anything else. */
export function parseDecimal(text: string): Decimal | null {
  const match = SHAPE.exec(text);
  if (match === null) return null;
  const whole = stripLeadingZeros(match[2] ?? "");
  const fraction = stripTrailingZeros(match[3] ?? "");
  return { negative: match[1] === "-" && whole + fraction !== "", whole, fraction };
}

/** Below zero, zero or above zero, as `left` is less than, equal to or greater than `right`. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  if (left.negative !== right.negative) return left.negative ? -1 : 1;
  const magnitude = compareMagnitudes(left, right);
  return left.negative ? -magnitude : magnitude;
}

function compareMagnitudes(left: Decimal, right: Decimal): number {
  if (left.whole.length !== right.whole.length) return left.whole.length - right.whole.length;
  return compareTexts(left.whole, right.whole) || compareTexts(left.fraction, right.fraction);
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function stripLeadingZeros(digits: string): string {
  let start = 0;
  while (digits[start] === "0") start++;
  return digits.slice(start);
}

function stripTrailingZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === "0") end--;
  return digits.slice(0, end);
}
