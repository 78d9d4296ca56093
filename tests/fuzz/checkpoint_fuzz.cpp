// Any manifest and any arrays as a checkpoint. The input: the manifest's length in two bytes (low, high), the manifest,
// state.safetensors. The manifest is sealed here and told the right checksum of the header, else no input would come
// behind them. A file "log" of three bytes lies beside them.
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/checkpoint.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;

namespace {

std::string header_checksum(std::string_view state) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i)
    length |= std::uint64_t{static_cast<unsigned char>(state.size() < 8 ? 0 : state[i])} << (8 * i);
  return checksum_text(state.substr(0, 8 + std::min<std::uint64_t>(length, state.size())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFolder root;
  static const std::filesystem::path folder = root.path() / "step-0000000001";
  std::filesystem::create_directory(folder);
  if (size < 2) return 0;
  std::string_view input = fuzz::text_of(data, size);
  const std::size_t length = data[0] + std::size_t{256} * data[1];
  std::string manifest(input.substr(2, length));
  const std::string_view state = input.substr(std::min(size, 2 + length));
  if (nlohmann::json json = nlohmann::json::parse(manifest, nullptr, false);
      json.is_object() && json.contains("header"))
    manifest =
        (json["header"] = header_checksum(state), json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::ofstream(folder / "manifest.json", std::ios::binary) << manifest << "\nxxh3 " << checksum_text(manifest) << "\n";
  std::ofstream(folder / "state.safetensors", std::ios::binary) << state;
  std::ofstream(folder / "log", std::ios::binary) << "{}\n";
  bool sound = fuzz::accepted(ExitCode::storage, [&] { read_checkpoint(folder); });
  std::vector<std::string> damaged;
  MemoryFile::require(newest_checkpoint(root.path(), damaged).has_value() == sound && damaged.empty() == sound);
  return 0;
}
