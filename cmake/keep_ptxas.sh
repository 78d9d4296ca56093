#!/bin/sh
# A launcher of nvcc: has ptxas say what every kernel takes and keeps that beside the object, as <object>.ptxas, for
# scripts/ptxas_report.sh. Everything else that the compiler says passes.
output=
previous=
for argument in "$@"; do
  if [ "$previous" = -o ]; then output=$argument; fi
  previous=$argument
done
if [ -z "$output" ]; then exec "$@"; fi
"$@" -Xptxas=-v > "$output.said" 2>&1
status=$?
about='^ptxas info|^ +[0-9]+ bytes stack frame'
grep -E "$about" "$output.said" > "$output.ptxas"
grep -Ev "$about" "$output.said" >&2
rm -f "$output.said"
exit $status
