import { IsPart, IsText } from '#libs/http';
import { OwnerDto } from '../distributors/distributors.dto.js';

/** Body of `POST /v1/links`. */
export class LinkDto {
  @IsText(64, { example: 'of_06EXAMPLE000000000000000AB' })
  offerId!: string;

  @IsText(64, { example: 'spring-2026' })
  campaign!: string;

  @IsPart(() => OwnerDto)
  owner!: OwnerDto;

  @IsText(2_000, { example: 'https://shop.birch.example/spring' })
  target!: string;
}
