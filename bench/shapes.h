// The shapes that tests and benchmarks share. `timed` rows are those of real steps; the others are chosen to be
// awkward: empty, one, and just beside the edges of vectors, register tiles and blocks. Tests skip the rows that a
// plain reference loop would take seconds for.
#pragma once

#include <cstdint>
#include <string>

namespace plait::shapes {

struct Product {
  std::int64_t m, n, k;
  bool timed = false;
  std::int64_t steps() const { return m * n * k; }
  std::string name() const { return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k); }
};

inline constexpr Product products[] = {
    {0, 3, 2},
    {3, 0, 2},
    {3, 2, 0},
    {1, 1, 1},
    {1, 33, 5},
    {13, 15, 17},
    {14, 32, 256},
    {15, 31, 257},
    {29, 16, 40},
    {27, 9, 63},
    {6, 65, 300},
    {70, 50, 600},
    {150, 40, 9},
    {130, 140, 33},
    {2, 300, 7},
    {33, 97, 129},
    {256, 256, 256, true},
    {384, 384, 384, true},
    {512, 512, 512, true},
    {1024, 1024, 1024, true},
};

struct Dense {
  std::int64_t batch, in, out;
  bool timed = false;
  std::int64_t steps() const { return batch * in * out; }
  std::string name() const { return std::to_string(batch) + "x" + std::to_string(in) + "x" + std::to_string(out); }
};

inline constexpr Dense denses[] = {
    {0, 5, 3},
    {4, 0, 3},
    {4, 5, 0},
    {1, 1, 1},
    {1, 3, 5},
    {2, 17, 33},
    {33, 65, 15},
    {7, 300, 29},
    {64, 6, 64},
    {64, 76, 1},
    {130, 40, 70},
    {32, 32, 64, true},
    {32, 256, 128, true},
    {32, 1000, 256, true},
    {32, 2000, 512, true},
    {32, 20000, 64, true},
    {32, 20000, 512, true},
    {64, 32, 64, true},
    {64, 256, 128, true},
    {64, 1000, 256, true},
    {64, 2000, 512, true},
    {64, 20000, 64, true},
    {64, 20000, 512, true},
};

struct Conv {
  std::int64_t batch, height, width, in_channels, out_channels;
  std::int64_t kernel_height = 3, kernel_width = 3, pad = 1;
  bool timed = false;
  std::int64_t steps() const {
    return batch * height * width * in_channels * out_channels * kernel_height * kernel_width;
  }
  std::string name() const {
    return std::to_string(batch) + "x" + std::to_string(height) + "x" + std::to_string(width) + "x" +
           std::to_string(in_channels) + "_k" + std::to_string(out_channels) + "_" + std::to_string(kernel_height) +
           "x" + std::to_string(kernel_width);
  }
};

inline constexpr Conv convs[] = {
    {0, 4, 4, 1, 2},
    {1, 1, 1, 1, 1},
    {2, 5, 4, 1, 3},
    {3, 7, 9, 2, 5},
    {2, 15, 13, 3, 17},
    {1, 9, 33, 5, 33},
    {2, 3, 40, 4, 16},
    {1, 4, 6, 20, 40},
    {2, 6, 5, 3, 4, 5, 3, 2},
    {1, 7, 8, 6, 9, 1, 5, 2},
    {1, 8, 8, 4, 4, 1, 1, 0},
    {2, 6, 7, 3, 5, 3, 3, 0},
    {1, 4, 5, 2, 3, 1, 1, 1},  // padding wider than the kernel
    {1, 2, 2, 2, 3, 3, 3, 0},  // no output at all
    {1, 2, 40, 60, 5},         // rows of the image cut into pieces
    {1, 3, 4, 900, 3},         // so many channels that taps are copied one by one
    {2, 3, 3, 3, 900},
    {64, 28, 28, 1, 16, 3, 3, 1, true},
    {64, 14, 14, 16, 32, 3, 3, 1, true},
    {64, 28, 28, 16, 32, 3, 3, 1, true},
    {64, 7, 7, 32, 64, 3, 3, 1, true},
    {8, 224, 224, 3, 16, 3, 3, 1, true},
    {8, 112, 112, 16, 32, 3, 3, 1, true},
    {8, 56, 56, 32, 64, 3, 3, 1, true},
};

struct Pool {
  std::int64_t batch, height, width, channels;
  bool timed = false;
  std::int64_t elements() const { return batch * height * width * channels; }
  std::string name() const {
    return std::to_string(batch) + "x" + std::to_string(height) + "x" + std::to_string(width) + "x" +
           std::to_string(channels);
  }
};

inline constexpr Pool pools[] = {
    {0, 4, 4, 3},  {1, 1, 1, 1},  // no output; every input element lies in a dropped row
    {1, 2, 2, 1},  {2, 3, 5, 7},           {3, 15, 15, 16},        {2, 7, 4, 33},           {1, 6, 1, 4},
    {2, 5, 6, 20}, {64, 28, 28, 16, true}, {64, 14, 14, 32, true}, {8, 224, 224, 16, true}, {8, 112, 112, 32, true},
};

}  // namespace plait::shapes
