// A study's report.html, figures/*.svg and tables/*.csv, all of them functions of results.json.
#pragma once

#include <filesystem>
#include <string>

#include "study/experiment/performance.h"

namespace plait {

std::string report_html(const StudyJson& results);

// Writes all three into the study's folder.
void write_report(const StudyJson& results, const std::filesystem::path& folder);

}  // namespace plait
