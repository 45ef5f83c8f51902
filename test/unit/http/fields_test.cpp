#include "weir/http/fields.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

namespace weir::http {
namespace {

std::string text_of(const Fields& fields) {
  std::string text;
  fields.for_each([&](const Field& field) {
    text.append(field.name).append("=").append(field.value).append(";");
  });
  return text;
}

TEST(Name, every_one_is_found_by_its_spelling_in_any_case) {
  for (int index = 1; index <= static_cast<int>(Name::x_request_id); ++index) {
    const auto name = static_cast<Name>(index);
    std::string text{name_of(name)};
    ASSERT_FALSE(text.empty()) << index;
    EXPECT_EQ(parse_name(text), name) << text;
    for (char& letter : text) letter = static_cast<char>(std::toupper(letter));
    EXPECT_EQ(parse_name(text), name) << text;
  }
}

TEST(Name, near_misses_are_other) {
  EXPECT_EQ(parse_name(""), Name::other);
  EXPECT_EQ(name_of(Name::other), "");
  for (int index = 1; index <= static_cast<int>(Name::x_request_id); ++index) {
    const std::string text{name_of(static_cast<Name>(index))};
    EXPECT_EQ(parse_name(text + "x"), Name::other) << text;
    EXPECT_EQ(parse_name("x" + text), Name::other) << text;
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string changed = text;
      changed[at] = changed[at] == '_' ? 'z' : '_';
      EXPECT_EQ(parse_name(changed), Name::other) << changed;
    }
  }
}

TEST(Fields, keeps_order_spelling_and_repetitions) {
  Fields fields;
  fields.add("Accept", "a");
  fields.add("VIA", "1.1 x");
  fields.add(Name::via, "1.1 y");
  fields.add("X-Empty", "");
  EXPECT_EQ(text_of(fields), "Accept=a;VIA=1.1 x;via=1.1 y;X-Empty=;");
  EXPECT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields.count(Name::via), 2U);
  EXPECT_EQ(fields[1].id, Name::via);
  EXPECT_EQ(fields[0].id, Name::other);
}

TEST(Fields, finds_the_first_value_without_case) {
  Fields fields;
  fields.add("X-Own", "1");
  fields.add("x-own", "2");
  fields.add("Content-Type", "text/plain");
  fields.add("X-Empty", "");
  EXPECT_EQ(fields.find("x-OWN"), "1");
  EXPECT_EQ(fields.find("content-type"), "text/plain");
  EXPECT_EQ(fields.find(Name::content_type), "text/plain");
  EXPECT_EQ(fields.find("x-empty"), "");
  EXPECT_EQ(fields.find("x-ow"), std::nullopt);
  EXPECT_EQ(fields.find(Name::via), std::nullopt);
  EXPECT_FALSE(fields.contains(Name::via));
  EXPECT_EQ(fields.count(Name::via), 0U);
}

TEST(Fields, removes_every_field_of_a_name_and_nothing_else) {
  Fields fields;
  for (const char* name : {"Cookie", "X-Own", "cookie", "x-own", "X-Owner"}) fields.add(name, "v");
  fields.remove(Name::cookie);
  EXPECT_EQ(text_of(fields), "X-Own=v;x-own=v;X-Owner=v;");
  EXPECT_FALSE(fields.contains(Name::cookie));
  fields.remove("X-OWN");
  fields.remove("absent");
  EXPECT_EQ(text_of(fields), "X-Owner=v;");
  fields.add("Via", "x");
  fields.remove("vIA");
  EXPECT_FALSE(fields.contains(Name::via));
}

TEST(Fields, set_leaves_one) {
  Fields fields;
  fields.add("Weir-Attempt", "1");
  fields.add("Accept", "a");
  fields.add("weir-attempt", "3");
  fields.set(Name::weir_attempt, "2");
  EXPECT_EQ(text_of(fields), "Accept=a;weir-attempt=2;");
  EXPECT_EQ(fields.count(Name::weir_attempt), 1U);
}

TEST(Fields, is_empty_after_clear_and_serves_again) {
  Fields fields;
  fields.add(Name::via, "x");
  EXPECT_EQ(fields.text_size(), 1U);
  fields.clear();
  EXPECT_TRUE(fields.empty());
  EXPECT_EQ(fields.text_size(), 0U);
  EXPECT_FALSE(fields.contains(Name::via));
  fields.add(Name::te, "trailers");
  EXPECT_EQ(text_of(fields), "te=trailers;");
}

TEST(Fields, spells_names_in_lower_case_by_themselves_where_they_have_a_name) {
  Fields fields;
  fields.add_lower({"via", "1.1 a", Name::via});
  fields.add_lower({"x-own", "b", Name::other});
  fields.add("Via", "1.1 c");
  EXPECT_EQ(text_of(fields), "via=1.1 a;x-own=b;Via=1.1 c;");
  EXPECT_EQ(fields.text_size(), 5U + 6U + 8U);
}

TEST(Fields, loses_all_of_a_set_at_once) {
  Fields fields;
  for (const Name name : {Name::te, Name::via, Name::age, Name::te}) fields.add(name, "1");
  fields.remove(NameSet{Name::te, Name::via, Name::date});
  EXPECT_EQ(text_of(fields), "age=1;");
  EXPECT_FALSE(fields.contains(Name::te));
  EXPECT_TRUE(fields.contains(Name::age));
}

TEST(ListContains, compares_whole_elements_without_case) {
  struct Case {
    std::string_view list;
    bool contains;
  };
  constexpr Case cases[] = {
      {"close", true},
      {"CLOSE", true},
      {"keep-alive, Close", true},
      {" \tclose\t ,x", true},
      {",,close,", true},
      {"", false},
      {",", false},
      {"closed", false},
      {"x-close", false},
      {"close;q=1", false},
      {"clo,se", false},
      {"x close", false},
  };
  for (const Case& one : cases)
    EXPECT_EQ(list_contains(one.list, "close"), one.contains) << one.list;
}

TEST(EqualWithoutCase, folds_letters_only) {
  EXPECT_TRUE(equal_without_case("X-Own", "x-oWN"));
  EXPECT_TRUE(equal_without_case("", ""));
  EXPECT_FALSE(equal_without_case("a", "ab"));
  EXPECT_FALSE(equal_without_case("@", "`"));
  EXPECT_FALSE(equal_without_case("[", "{"));
}

}  // namespace
}  // namespace weir::http
