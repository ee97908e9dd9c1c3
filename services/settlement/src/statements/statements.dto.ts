import { IsOneOf } from '#libs/http';

export class FileQuery {
  @IsOneOf(['jsonl', 'json', 'csv'], { optional: true })
  format?: 'jsonl' | 'json' | 'csv';
}
