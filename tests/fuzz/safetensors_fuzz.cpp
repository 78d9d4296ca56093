// Any bytes as a safetensors file: the tensors lie within it, and can be copied.
#include <vector>

#include "io/formats/safetensors.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  const auto path = file.fill(fuzz::text_of(data, size));
  fuzz::accepted(ExitCode::storage, [&] {
    const SafetensorsFile read(path);
    std::size_t bytes = 0;
    for (const SafeTensor& tensor : read.tensors()) {
      MemoryFile::require(read.find(tensor.name) == &tensor);
      const std::int64_t count = tensor.rows() * tensor.columns();
      MemoryFile::require(count >= 0 && static_cast<std::size_t>(count) <= size);
      bytes += static_cast<std::size_t>(count) * safe_type_size(tensor.type);
      std::vector<float> copy(static_cast<std::size_t>(count));
      fuzz::accepted(ExitCode::storage, [&] { copy_floats(tensor, copy.data(), tensor.columns()); });
    }
    MemoryFile::require(bytes <= size);
  });
  return 0;
}
