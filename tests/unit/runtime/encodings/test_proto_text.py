"""The compiler of .proto texts against protoc."""

from __future__ import annotations

from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from driftline.runtime.encodings.proto_text import compile_proto
from driftline.runtime.encodings.schema_problems import SchemaError

GOOGLE = Path(grpc_tools.__file__).parent / "_proto"
FILES = sorted(str(path.relative_to(GOOGLE)) for path in GOOGLE.rglob("*.proto"))

OPTIONS = """
    syntax = "proto2";
    import "google/protobuf/descriptor.proto";
    message Custom { optional int32 x = 1; repeated Part y = 2; message Part { optional string z = 1; } }
    extend google.protobuf.FileOptions { optional Custom custom = 50000; }
    extend google.protobuf.OneofOptions { optional int32 x = 50000; }
    extend google.protobuf.MethodOptions { optional string y = 50000; }
    """
TRICKY = {
    "options.proto": OPTIONS,
    "proto3.proto": """
        // a comment; message Not {}
        syntax = 'proto3'; /* another
        one */
        package a.b;
        import "google/protobuf/timestamp.proto"; import public "google/protobuf/wrappers.proto";
        import "options.proto";
        option java_package = "com.a" ".b";
        option (custom) = { x: 1 y: [ { z: "}" } ] };
        message Outer {
          option deprecated = true;
          message Inner { repeated Inner inner = 1; enum Kind { A = 0; B = -0x2; } Kind kind = 2; }
          reserved 10, 20 to 30; reserved "gone";
          optional int32 one = 1 [deprecated = true, json_name = "ONE"];
          Inner inner = 2; .a.b.Outer.Inner absolute = 3; a.b.Outer.Inner.Kind kind = 4;
          oneof choice { string text = 5; Inner message_choice = 6; option (x) = 1; }
          map<string, Inner> by_name = 7; map < int32 , double > plain_map = 8;
          repeated double packed_no = 9 [packed = false];
          repeated sfixed64 packed_yes = 11;
          google.protobuf.Timestamp at = 12; google.protobuf.DoubleValue wrapped = 13;
          bytes message = 14; bool optional_thing = 15; string reserved_word = 16; optional string syntax = 021;
          message_type mt = 18;
        };
        message message_type { string enum = 1; float package = 2; int64 map = 3; uint32 extend_ = 4; int64 group = 5; }
        enum Alias { option allow_alias = true; X = 0; Y = 0x1; Z = 1; reserved 8 to max; reserved "R"; reserved_ = 7; }
        service S { rpc Call (Outer) returns (stream Outer) { option (y) = "}"; } rpc Other (Outer) returns (Outer); }
        """,
    "proto2.proto": """
        syntax = "proto2";
        package c;
        message M {
          required int32 id = 1; optional string name = 2 [default = "a;b}"]; repeated int64 n = 3 [packed = true];
          optional group Result = 4 { optional string url = 1; repeated group Deep = 2 { required bool b = 1; } }
          extensions 100 to max;
          oneof o { group Choice = 5 { optional int32 x = 1; } double d = 6; }
          extend M { optional int32 inside = 101; }
          optional float f = 7 [default = -inf];
        }
        extend M { optional string outside = 102; }
        """,
    "without_syntax.proto": "message M { optional int32 a = 1; }",
    "edition.proto": """
        edition = "2023";
        option features.field_presence = IMPLICIT;
        message M { int32 a = 1; int32 b = 2 [features.field_presence = EXPLICIT]; repeated int32 c = 3; M m = 4; }
        message Old { option deprecated = true; repeated int32 c = 1 [features.repeated_field_encoding = EXPANDED];
          M m = 2 [features.message_encoding = DELIMITED]; }
        enum E { option features.enum_type = CLOSED; A = 1; }
        """,
}


def by_protoc(folder: Path, name: str, *roots: Path) -> FileDescriptorProto:
    out = folder / "out.desc"
    includes = [f"-I{root}" for root in (*roots, GOOGLE)]
    assert protoc.main(["protoc", *includes, f"--descriptor_set_out={out}", name]) == 0
    return FileDescriptorSet.FromString(out.read_bytes()).file[0]


def essence(file: FileDescriptorProto) -> dict[str, object]:
    """Return what values depend on; protoc's names of types are absolute."""
    return {
        "syntax": (file.syntax, file.edition, file.package, file.options.features.SerializeToString()),
        "imports": ([*file.dependency], [*file.public_dependency]),
        "messages": [_message(each) for each in file.message_type],
        "enums": [_enum(each) for each in file.enum_type],
    }


def _message(message: DescriptorProto) -> dict[str, object]:
    return {
        "name": message.name,
        "map": message.options.map_entry,
        "fields": [
            (
                *(field.name, field.number, field.label, field.proto3_optional, field.type_name.rpartition(".")[2]),
                field.oneof_index if field.HasField("oneof_index") else None,
                field.options.packed if field.options.HasField("packed") else None,
                field.options.features.SerializeToString(),
            )
            for field in message.field
        ],
        "oneofs": [oneof.name for oneof in message.oneof_decl],
        "messages": [_message(each) for each in message.nested_type],
        "enums": [_enum(each) for each in message.enum_type],
    }


def _enum(enum: EnumDescriptorProto) -> dict[str, object]:
    features = enum.options.features.SerializeToString()
    return {
        "name": enum.name,
        "values": [(v.name, v.number) for v in enum.value],
        "alias": enum.options.allow_alias,
        "features": features,
    }


@pytest.mark.parametrize("name", FILES)
def test_files_of_protobuf_itself_compile_as_protoc_compiles_them(name: str, tmp_path: Path) -> None:
    ours = compile_proto((GOOGLE / name).read_text(encoding="utf-8"), name)
    assert essence(ours) == essence(by_protoc(tmp_path, name))


@pytest.mark.parametrize("name", TRICKY)
def test_everything_that_the_language_has_compiles_as_protoc_compiles_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "options.proto").write_text(OPTIONS, encoding="utf-8")
    (tmp_path / name).write_text(TRICKY[name], encoding="utf-8")
    assert essence(compile_proto(TRICKY[name], name)) == essence(by_protoc(tmp_path, name, tmp_path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("message M {", "Expected a name, got 'the end' in line 1 of the .proto file"),
        ("message M {\n  string = 1;\n}", "Expected a name, got '=' in line 2 of the .proto file"),
        ("message M { string a = b; }", "Expected a whole number, got 'b' in line 1 of the .proto file"),
        ("hello", "Expected `message`, `enum` or another statement, got 'hello' in line 1 of the .proto file"),
        ("message §", "Expected a .proto file, got the character '§' in line 1"),
        ('edition = "1999";', "Expected an edition that this version of Protobuf knows, got '1999'"),
        ("message M {" * 3_000, "its messages are nested too deeply"),
        ("message M { int32 a = 4000000000; }", "it is no .proto file"),
        ('edition = "2023"; message M { int32 a = 1 [features.field_presence = FOO]; }', "it is no .proto file: 'FOO'"),
        ("service S { rpc", "Expected `}`, got 'the end' in line 1 of the .proto file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, problem: str) -> None:
    with pytest.raises(SchemaError) as refused:
        compile_proto(text, "x.proto")
    assert problem in str(refused.value)
