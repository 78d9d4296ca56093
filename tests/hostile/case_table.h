// cases.txt: hostile inputs, one a line: what is put where, the commands that meet it, the exit code and the words that
// the message must hold.
//
//   what | target | commands | exit code | words & more words
//
// `what` makes the bytes of `target`, a path below the test's folder (base/ copied, with images, a run and an
// interrupted run added):
//   file PATH           that file of tests/hostile; *.escaped: \xHH, \r and \\ stand for bytes; *.header: the header of
//                       a safetensors file, 64 bytes of data follow
//   png NAME            see png_bytes.cpp
//   made NAME           see sources.cpp
//   edit A => B         the target's own bytes with the first A replaced by B, \xHH as above; a manifest is sealed
//   again cut N               the first N bytes of the target link PATH           a symbolic link folder, pipe one of
//   these in place of a file remove              nothing
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace plait::test {

struct HostileCase {
  std::size_t line = 0;  // of cases.txt
  std::string what, target;
  std::vector<std::string> commands;
  int code = 0;
  std::vector<std::string> says;
};

std::vector<HostileCase> read_cases(const std::filesystem::path& table);

// Puts what the case says into `folder`.
void apply(const HostileCase& hostile, const std::filesystem::path& folder);

}  // namespace plait::test
