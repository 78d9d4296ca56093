// Linked into programs whose kernels carry the checker's hooks.
#include "kernels/simt/options.h"

namespace plait::simt {

bool has_hooks() {
  return true;
}

}  // namespace plait::simt
