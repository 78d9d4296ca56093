// Grid and thread indices as CUDA names them.
#pragma once

namespace plait::simt {

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

struct Extent3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Extent3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr unsigned long long count() const { return static_cast<unsigned long long>(x) * y * z; }
};

}  // namespace plait::simt
