import { normaliseEmail, normalisePhone } from './contact.js';

describe('a phone number has one spelling', () => {
  it.each([
    ['+8613800138000', '+8613800138000'],
    [' +86 138 0013 8000 ', '+8613800138000'],
    ['+86-138-0013-8000', '+8613800138000'],
    ['+44 20 7946 0958', '+442079460958'],
  ])('%s is %s', (text, e164) => {
    expect(normalisePhone(text)).toBe(e164);
  });

  it.each([
    '13800138000',
    '',
    '+',
    '+86',
    '+8613800138000 ext. 5',
    'call +8613800138000',
    '+86138001380001234567',
    '+0',
  ])('%s is invalid', (text) => {
    expect(normalisePhone(text)).toBeNull();
  });
});

describe('an e-mail address has one spelling', () => {
  it('is trimmed and lower-cased; dots and tags are kept', () => {
    expect(normaliseEmail('  Li.Na+Shop@Example.CN ')).toBe('li.na+shop@example.cn');
  });

  it.each([
    ['li@ｅ.cn', 'li@e.cn'],
    ['li@e。CN', 'li@e.cn'],
    ['ｌｉ＠e.cn', 'li@e.cn'],
    ['li@例子.中国', 'li@xn--fsqu00a.xn--fiqs8s'],
    ['li@XN--fsqu00a.xn--fiqs8s', 'li@xn--fsqu00a.xn--fiqs8s'],
    ['li@e\u00ad.cn', 'li@e.cn'],
  ])('%s is %s', (text, email) => {
    expect(normaliseEmail(text)).toBe(email);
  });

  it.each([
    'li@e.cn/x.cn',
    'li@e.cn?x.cn',
    'li@e.cn／x.cn',
    'li@e.cn:80',
    'li@e%2ecn.cn',
    'li@e|x.cn',
    'li@e.cn.',
    'li@。cn',
  ])('%s is invalid', (text) => {
    expect(normaliseEmail(text)).toBeNull();
  });

  it.each(['', 'x', 'x@', '@example.cn', 'x@example', 'a b@example.cn', 'x@y@example.cn', `${'x'.repeat(250)}@e.cn`])(
    '%s is invalid',
    (text) => {
      expect(normaliseEmail(text)).toBeNull();
    },
  );
});
