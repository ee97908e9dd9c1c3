import { ERROR_CATALOGUE } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';

/** All codes in alphabetical order. */
export function errorCodes(): ErrorCode[] {
  return (Object.keys(ERROR_CATALOGUE) as ErrorCode[]).sort();
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, text);
}

export function errorPage(code: ErrorCode): string {
  const { title, status, retryable, meaning, remedy } = ERROR_CATALOGUE[code];
  return [
    `# ${code}`,
    '',
    `**${title}.**`,
    '',
    '| status | retryable |',
    '| --- | --- |',
    `| ${status} | ${retryable ? 'yes: the same call may succeed later' : 'no: the same call will be refused again'} |`,
    '',
    '## What it means',
    '',
    meaning,
    '',
    '## What to do',
    '',
    remedy,
    '',
  ].join('\n');
}

export function errorIndex(): string {
  const rows = errorCodes().map((code) => {
    const { title, status, retryable } = ERROR_CATALOGUE[code];
    return `| [${code}](${code}.md) | ${status} | ${retryable ? 'yes' : 'no'} | ${title} |`;
  });
  return [
    '# Error codes',
    '',
    'Every refusal is `application/problem+json` (RFC 9457) with one of these codes. Codes are stable: decide by `code`, never by the text. ' +
      'Retryable means that the same call, with the same `externalId` or `Idempotency-Key`, may succeed later.',
    '',
    '| code | status | retryable | title |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
