// The methods section, written from what was run: it cannot say anything else.
#pragma once

#include <string>
#include <vector>

#include "study/experiment/performance.h"

namespace plait {

std::vector<std::string> methods_paragraphs(const StudyJson& results);

}  // namespace plait
