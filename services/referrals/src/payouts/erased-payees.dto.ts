import { IsCurrency, IsOneOf, IsText, PageQuery } from '#libs/http';
import { DECISIONS } from './erased-payees.answers.js';
import type { PayeeDecision } from './erased-payees.answers.js';

export class ErasedPayeesQuery extends PageQuery {
  @IsCurrency()
  currency!: string;
}

/** Body of `POST /v1/operator/referrals/erased-payees`. */
export class ErasedPayeeDto {
  @IsText(200, { example: 'wallet:0197a3c2-5b1e-7c4d-9e2f-6a1b3c4d5e6f' })
  beneficiary!: string;

  @IsCurrency()
  currency!: string;

  @IsOneOf(DECISIONS, { example: 'release' })
  decision!: PayeeDecision;

  @IsText(500, { example: 'claimed by the heirs, certificate seen' })
  reason!: string;
}
