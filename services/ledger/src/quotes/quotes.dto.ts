import { IsCurrency, IsMinorAmount, IsPoints, IsText } from '#libs/http';

export class QuoteDto {
  @IsText(64, { example: 'mb_06EXAMPLE000000000000000AB' })
  memberRef!: string;

  @IsText(64, { optional: true, example: 'C-014' })
  storeRef?: string | null;

  @IsCurrency()
  currency!: string;

  @IsMinorAmount({ example: 26_800 })
  basketTotal!: number;

  @IsPoints()
  points!: number;
}
