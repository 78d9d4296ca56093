// What an instruction of kernels/device/ makes of fixed inputs, word by word: on the executor, whose words are kept in
// tests/golden/device/, and on a real GPU, whose words must be the same. A case is one kernel on one block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/stream.h"

namespace plait::testing {

enum class Input {
  integers,  // -4 .. 4: sums of products are exact in every order
  reals,     // uniform in [-1, 1)
  special,   // ties of the roundings, subnormals, infinities, NaNs, among reals
};
inline constexpr int input_words = 2048;  // that every case is given

struct DeviceCase {
  const char* name;
  Input input;
  int threads;
  std::size_t shared_bytes;
  int words;         // that it writes
  double tolerance;  // 0: the words are equal; else they are floats, |difference| <= tolerance (1 + |x|)
  void (*kernel)(const float* in, std::uint32_t* out);
};
std::span<const DeviceCase> device_cases();
void run(const DeviceCase& device_case, const float* in, std::uint32_t* out, cudaStream_t stream);

// The shape of the matrix cases: C (32x16) += A (32xk) B (kx16), all row-major in the input, k = 16 (bf16) or 8 (tf32).
inline constexpr int matrix_rows = 32, matrix_columns = 16, first_of_b = 512, first_of_c = 1024;

}  // namespace plait::testing
