import { redact, redactText } from './redact.js';

describe('redactText', () => {
  it.each([
    ['mail to wang.li+x@mail.example.cn now', 'mail to [email] now'],
    ['call +8613800138000 or 13800138000', 'call [phone] or [phone]'],
    ['postgres://hezong:hunter2@db:5432/x', 'postgres://hezong:***@db:5432/x'],
    ['Bearer eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln', 'Bearer [token]'],
    ['order 20260302138001380001 of 5600', 'order 20260302138001380001 of 5600'],
  ])('%s', (text, expected) => expect(redactText(text)).toBe(expected));
});

describe('redact', () => {
  it('hides fields by their names at any depth', () => {
    expect(
      redact({
        clientSecret: 's',
        nested: [{ phone: '1', Authorization: 'Basic x', keep: 1 }],
        email: null,
        points: 5n,
      }),
    ).toEqual({
      clientSecret: '[redacted]',
      nested: [{ phone: '[redacted]', Authorization: '[redacted]', keep: 1 }],
      email: null,
      points: '5',
    });
  });

  it('keeps the message of an error, not what a driver attaches to it', () => {
    const error = Object.assign(new Error('no row for a@b.example'), {
      code: '23505',
      parameters: ['+8613800138000'],
      query: 'select 1',
    });
    const shown = redact({ err: error }) as { err: Record<string, unknown> };
    expect(shown.err).toMatchObject({ message: 'no row for [email]', code: '23505' });
    expect(JSON.stringify(shown)).not.toMatch(/13800138000|select 1/);
  });

  it('stops at circular references', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(JSON.stringify(redact(circle))).toContain('[deep]');
  });
});
