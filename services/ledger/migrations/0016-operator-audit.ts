import { operatorAuditSql } from '#libs/http';
import { defineMigration } from '#libs/postgres';

export const operatorAudit = defineMigration({
  id: '0016',
  name: 'operator audit',
  up: operatorAuditSql('hezong_ledger'),
});
