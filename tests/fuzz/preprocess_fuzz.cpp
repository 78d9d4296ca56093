// Any text as preprocess.json. What is accepted is written out and read back the same.
#include "io/data/preprocess.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Preprocess fit;
  const auto read = [&] { fit = preprocess_from_json(fuzz::text_of(data, size), "fuzz.json"); };
  if (!fuzz::accepted(ExitCode::data, read)) return 0;
  for (const ModalityFit& modality : fit.modalities) MemoryFile::require(modality.features() >= 0);
  MemoryFile::require(fit.target.outputs() > 0);
  const std::string text = preprocess_to_json(fit);
  MemoryFile::require(preprocess_to_json(preprocess_from_json(text, "again.json")) == text);
  return 0;
}
