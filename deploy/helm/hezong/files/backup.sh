#!/bin/sh
# One file for each database that a URL in <NAME>_BACKUP_URL names, of one instant each, then drops what is older than KEEP_DAYS. A dump
# that cannot be listed again, or is cut off, is none. Verified: every file is read back before it gets its name.
set -eu
stamp=$(date -u +%Y%m%dT%H%M%SZ)
failed=0
for variable in $(env | sed -n 's/^\([A-Z]*_BACKUP_URL\)=.*/\1/p' | sort); do
  name=$(echo "${variable%_BACKUP_URL}" | tr '[:upper:]' '[:lower:]')
  eval "url=\$$variable"
  draft="$BACKUP_DIR/$name-$stamp.draft"
  if pg_dump --format=custom --file="$draft" "$url" && pg_restore --file=/dev/null "$draft"; then
    mv "$draft" "$BACKUP_DIR/$name-$stamp.dump"
    echo "$name: $name-$stamp.dump"
  else
    rm -f "$draft"
    echo "$name: FAILED" >&2
    failed=1
  fi
done
# what is old goes only when there is something new
[ "$failed" = 0 ] && find "$BACKUP_DIR" -name '*.dump' -mtime "+$KEEP_DAYS" -delete
exit "$failed"
