#include "io/data/id_column.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/formats/cell.h"
#include "io/nearest_name.h"

namespace plait {
namespace {

// "Patient_ID", "PatientId", "patient id"
bool is_nearly_patient_id(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (c != '_' && c != '-' && c != '.' && c != ' ') letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return letters == "patientid";
}

}  // namespace

std::size_t find_id_column(const CsvReader& csv) {
  const auto& header = csv.header();
  const auto found = std::find(header.begin(), header.end(), "patient_id");
  if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  const bool other_separator = header.size() == 1 && header[0].find_first_of(";\t|") != std::string::npos;
  // The name is not repeated: in a file without a header it is a patient's value.
  for (std::size_t i = 0; i < header.size(); ++i)
    if (is_nearly_patient_id(header[i])) fail_data(csv.at(i), "this column has to be spelled patient_id");
  fail_data({csv.name(), 1, 1}, other_separator ? "the header has one column: fields are separated by commas here"
                                                : "the header has no column patient_id");
}

bool next_patient(CsvReader& csv, std::size_t id_column, ProblemLog& log) {
  for (;;) {
    try {
      if (!csv.next()) return false;
    } catch (const Error& error) {
      log.add(error);
      if (csv.can_continue()) continue;
      log.stop_at(csv.name());
      return false;
    }
    const std::string_view id = csv.cell(id_column);
    if (trimmed(id).empty()) {
      log.add(csv.at(id_column), "the row has no patient_id");
    } else if (!is_utf8(id)) {
      log.add(csv.at(id_column), "the patient_id is not UTF-8: save the file as UTF-8");
    } else {
      return true;
    }
  }
}

std::size_t find_column(const CsvReader& csv, const std::string& name, const FilePosition& where) {
  const auto& header = csv.header();
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  fail_data(where, fmt::format("{} has no column \"{}\": did you mean \"{}\"?", csv.name(), name,
                               nearest_name(name, header).value_or("")));
}

}  // namespace plait
