/** The checked part of the answer to `POST /v1/orders`. */
export interface OrderAnswer {
  points: { earned: number; pending: number };
  trace: string[];
}

const BONUS = /^tier \S+ ×\S+ on \d+ = (\d+)$/;

/** Points added by the member's rank: the file does not contain them, because they depend on all earlier orders. */
export function bonusOf({ trace }: Pick<OrderAnswer, 'trace'>): number {
  return trace.reduce((sum, line) => sum + Number(BONUS.exec(line)?.[1] ?? 0), 0);
}

/** Points from the earning rules alone. */
export function baseOf(answer: OrderAnswer): number {
  return answer.points.earned + answer.points.pending - bonusOf(answer);
}
