const SECRET_KEY =
  /secret|password|passwd|authorization|cookie|token|assertion|private|credential|api-?key|internal-?key|phone|e-?mail|contact/i;
const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g;
const PHONE = /\+\d[\d -]{6,16}\d|(?<!\d)1[3-9]\d{9}(?!\d)/g;
const TOKEN = /eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g;
const URL_PASSWORD = /(\w+:\/\/[^\s:/@]*):[^\s@/]+@/g;
const DEPTH = 6;

/** Removes e-mail addresses, phone numbers, tokens and passwords in URLs from a text. */
export function redactText(text: string): string {
  return text
    .replace(URL_PASSWORD, '$1:***@')
    .replace(TOKEN, '[token]')
    .replace(EMAIL, '[email]')
    .replace(PHONE, '[phone]');
}

/** A copy for logs: members named like a secret or a contact are replaced, and all texts go through `redactText`. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth >= DEPTH) return '[deep]';
  if (value instanceof Error || Reflect.has(value, 'stack')) return describeError(value, depth);
  if (ArrayBuffer.isView(value)) return '[bytes]';
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      SECRET_KEY.test(key) && member !== null && member !== undefined ? '[redacted]' : redact(member, depth + 1),
    ]),
  );
}

/** Errors are described by selected members: drivers attach queries and their parameters, which are left out. */
function describeError(error: object, depth: number): Record<string, unknown> {
  const text = (key: string): string | undefined => {
    const member: unknown = Reflect.get(error, key);
    return typeof member === 'string' ? redactText(member) : undefined;
  };
  const cause: unknown = Reflect.get(error, 'cause');
  return {
    name: text('name'),
    message: text('message'),
    code: text('code'),
    stack: text('stack'),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}
