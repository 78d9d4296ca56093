// Any text as the configuration of a run. What is accepted is written out complete, and read back the same.
#include <array>

#include "study/config.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file, again;
  static const std::array<InputShape, 3> modalities{{{.name = "ehr", .kind = ModalityKind::table},
                                                     {.name = "genes", .kind = ModalityKind::expression},
                                                     {.name = "image", .kind = ModalityKind::image}}};
  const auto path = file.fill(fuzz::text_of(data, size));
  RunConfig config;
  if (!fuzz::accepted(ExitCode::usage, [&] { config = load_config(modalities, path); })) return 0;
  const std::string text = config_toml(config);
  MemoryFile::require(config_toml(load_config(modalities, again.fill(text))) == text);
  return 0;
}
