/** Thrown when a comparison would take too long. */
export class OutOfBudget extends Error {
  override readonly name = "OutOfBudget";
}

/** Bounds how many patterns are compared for one change: whoever writes the policies must not choose what it costs. */
export class Budget {
  private left: number;

  constructor(comparisons: number) {
    this.left = comparisons;
  }

  /** Always true. @throws OutOfBudget */
  spend(): true {
    this.left -= 1;
    if (this.left < 0) throw new OutOfBudget("too many patterns to compare");
    return true;
  }
}
