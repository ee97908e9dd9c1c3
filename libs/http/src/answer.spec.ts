import { ApiAnswer, ApiAnswers, shape } from './answer.js';
import type { AnswerOf } from './answer.js';
import { Reply } from './reply.js';

const { object, text, whole, maybe, optional, list } = shape;
const ORDER = object({
  id: text,
  points: whole,
  note: maybe(text),
  lines: list(object({ sku: text })),
  gift: optional(text),
});
const DRY_RUN = object({ points: whole });
type Order = AnswerOf<typeof ORDER>;

const order: Order = { id: 'od_1', points: 5, note: null, lines: [{ sku: 'x' }] };

/** `npm run typecheck` checks that these compile: an unused expected error fails it. */
class Answers {
  @ApiAnswer(200, ORDER)
  whole(): Order {
    return order;
  }

  @ApiAnswer(201, ORDER)
  kept(): Promise<Reply<Order>> {
    return Promise.resolve(new Reply(201, order, true));
  }

  @ApiAnswers({ 200: DRY_RUN, 201: ORDER })
  either(): Reply<Order> | { points: number } {
    return { points: 1 };
  }

  @ApiAnswer(204)
  nothing(): void {}

  // @ts-expect-error -- a field is missing
  @ApiAnswer(200, ORDER)
  dropped(): Omit<Order, 'points'> {
    return order;
  }

  // @ts-expect-error -- a line lacks its field
  @ApiAnswer(200, ORDER)
  droppedWithin(): Promise<Reply<Omit<Order, 'lines'> & { lines: readonly object[] }>> {
    return Promise.resolve(new Reply(200, order));
  }

  // @ts-expect-error -- points are a number
  @ApiAnswer(200, ORDER)
  otherType(): Omit<Order, 'points'> & { points: string } {
    return { ...order, points: '5' };
  }

  // @ts-expect-error -- nothing is said of what it answers with
  @ApiAnswer(200, ORDER)
  untyped(): Promise<unknown> {
    return Promise.resolve(order);
  }
}

describe('shapes of answers', () => {
  it('have JSON schemas that agree with their types', () => {
    expect(new Answers().whole()).toBe(order);
    expect(JSON.parse(JSON.stringify(ORDER))).toEqual({
      type: 'object',
      required: ['id', 'points', 'note', 'lines'],
      properties: {
        id: { type: 'string' },
        points: { type: 'integer' },
        note: { type: ['string', 'null'] },
        lines: {
          type: 'array',
          items: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } },
        },
        gift: { type: 'string' },
      },
    });
  });
});
