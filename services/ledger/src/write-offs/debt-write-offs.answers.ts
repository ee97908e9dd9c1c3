import { shape } from '#libs/http';
import type { AnswerOf } from '#libs/http';

export const DEBT_WRITE_OFF_ANSWER = shape.named('DebtWriteOff', { points: shape.points, wallets: shape.whole });

export type DebtWriteOffAnswer = AnswerOf<typeof DEBT_WRITE_OFF_ANSWER>;
