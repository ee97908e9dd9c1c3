import { IsCurrency } from '#libs/http';

/** Body of `POST /v1/operator/payouts`. */
export class PayoutDto {
  @IsCurrency()
  currency!: string;
}
