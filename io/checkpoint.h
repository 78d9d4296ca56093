// Checkpoints: named arrays, a few numbers and text files, written so that a power cut at any moment leaves the newest
// complete one readable, and so that no damaged byte goes unnoticed.
//
// A checkpoint is a folder `<root>/step-0000000123`:
//   state.safetensors   the arrays
//   <attachments>       text files
//   manifest.json       the numbers, and an XXH3 checksum (64 bits) of every array, of the header of state.safetensors
//                       and of every text file; its last line is the checksum of all lines before it
// It is written into a temporary folder; files and folder are flushed to the disk, then the folder is renamed. The two
// newest are kept: one may turn out to be damaged.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/formats/safetensors.h"

namespace plait {

using CheckpointText = std::map<std::string, std::string>;

struct CheckpointContent {
  std::vector<SafeTensor> tensors;
  CheckpointText values;  // small things by name: numbers as text, fingerprints
  CheckpointText files;   // attachments by file name
};

// number: grows with progress (the optimizer step); a checkpoint of the same number is replaced. Failure is a storage
// error, and everything written before is untouched.
void write_checkpoint(const std::filesystem::path& root, std::int64_t number, const CheckpointContent& content);

struct Checkpoint {
  std::int64_t number = 0;
  SafetensorsFile state;
  CheckpointText values, files;
};

// Reads and verifies one. Any damage is a storage error that names the file.
Checkpoint read_checkpoint(const std::filesystem::path& folder);

// The newest one that verifies; nullopt where there is none. What is wrong with newer ones is added to `damaged`.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& root, std::vector<std::string>& damaged);

// Whether there is any, sound or not.
bool has_checkpoints(const std::filesystem::path& root);

// "00ff..." (16 hexadecimal digits): the checksum used above.
std::string checksum_text(std::string_view bytes);

}  // namespace plait
