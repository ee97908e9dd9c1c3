/** Answer to `POST /v1/orders`, as far as it is checked. */
export interface OrderAnswer {
  points: { earned: number; pending: number };
  trace: string[];
}

const BONUS = /^tier \S+ ×\S+ on \d+ = (\d+)$/;

/** Points that the member's rank added: the file says nothing of them, as they depend on all that was bought before. */
export function bonusOf({ trace }: Pick<OrderAnswer, 'trace'>): number {
  return trace.reduce((sum, line) => sum + Number(BONUS.exec(line)?.[1] ?? 0), 0);
}

/** Points by the earning rules alone. */
export function baseOf(answer: OrderAnswer): number {
  return answer.points.earned + answer.points.pending - bonusOf(answer);
}
