# Writes the files that a page shows: each ```cpp block whose paragraph before ends in "`path`:" becomes folder/path.
#   awk -v folder=FOLDER -f files_of_page.awk PAGE       the folders of the paths exist
/^```/ {
  if (inside) { close(file); file = ""; inside = 0; next }
  inside = 1
  if (/^```cpp/ && match(before, /`[^`]+`:$/)) file = folder "/" substr(before, RSTART + 1, RLENGTH - 3)
  if (file != "") printf "" > file
  next
}
inside { if (file != "") print > file; next }
NF { before = $0 }
