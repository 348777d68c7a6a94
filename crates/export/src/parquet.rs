//! A Parquet file.
//!
//! Owns the types of columns, and the rows that are gathered for a row group. A file without its end is no file, so one
//! that was begun cannot be gone on with.

use std::{fs::File, sync::Arc};

use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesPtr},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{Type, TypePtr},
};

use crate::{
    ExportError,
    cell::{Cell, Column, Kind},
    lines::lock,
    place::Folder,
};

/// Memory that one row group's rows may take, about. Readers take a row group at a time, too.
pub(crate) const GROUP_BYTES: usize = 32 << 20;
/// Rows of a row group at most.
const GROUP_ROWS: usize = 1 << 17;

/// See the module's documentation.
pub(crate) struct Parquet {
    writer: SerializedFileWriter<File>,
    columns: Vec<Gathered>,
    rows: usize,
    weight: usize,
}

impl std::fmt::Debug for Parquet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parquet").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// A column's values since the last row group; a level is 0 where there is none.
#[derive(Default)]
struct Gathered {
    levels: Vec<i16>,
    numbers: Vec<i64>,
    decimals: Vec<f64>,
    flags: Vec<bool>,
    texts: Vec<ByteArray>,
}

impl Parquet {
    pub(crate) fn create(
        folder: &Folder,
        name: &str,
        columns: &[Column],
        about: &str,
    ) -> Result<Self, ExportError> {
        let file = folder.create(name)?;
        lock(&file, folder, name)?;
        let path = folder.at(name)?;
        let schema = schema(columns).map_err(wrong(path.clone()))?;
        let writer = SerializedFileWriter::new(file, schema, properties(about)).map_err(wrong(path))?;
        let columns = columns.iter().map(|_| Gathered::default()).collect();
        Ok(Self { writer, columns, rows: 0, weight: 0 })
    }

    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), ParquetError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
            self.weight += cell.weight();
        }
        self.rows += 1;
        if self.weight >= GROUP_BYTES || self.rows >= GROUP_ROWS { self.spill() } else { Ok(()) }
    }

    /// Memory of what is gathered, about.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Bytes of the file, what is gathered included, about.
    pub(crate) fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.weight) as u64
    }

    /// Writes what is gathered as a row group.
    pub(crate) fn spill(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let mut columns = self.columns.iter_mut();
        while let Some(mut writer) = group.next_column()? {
            if let Some(column) = columns.next() {
                column.write(&mut writer)?;
            }
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.weight) = (0, 0);
        Ok(())
    }

    /// Writes its end, and brings it to the disk.
    pub(crate) fn finish(mut self) -> Result<(), ParquetError> {
        self.spill()?;
        let file = self.writer.into_inner()?;
        file.sync_data().map_err(|error| ParquetError::External(error.into()))
    }
}

pub(crate) fn wrong(path: std::path::PathBuf) -> impl FnOnce(ParquetError) -> ExportError {
    move |error| ExportError::Format { path, what: error.to_string() }
}

impl Gathered {
    fn push(&mut self, cell: &Cell) {
        self.levels.push(i16::from(!cell.is_null()));
        match cell {
            Cell::Null => {}
            // Everything that is counted here is far below 2⁶³.
            Cell::Integer(n) => self.numbers.push(i64::try_from(*n).unwrap_or(i64::MAX)),
            Cell::Moment(at) => self.numbers.push(i64::try_from(at.0).unwrap_or(i64::MAX)),
            Cell::Decimal(n) => self.decimals.push(*n),
            Cell::Flag(it) => self.flags.push(*it),
            Cell::Bytes(bytes) => self.texts.push(bytes.clone().into()),
            Cell::Json(serde_json::Value::Null) => {}
            Cell::Text(_) | Cell::Json(_) => self.texts.push(cell.text().as_bytes().to_vec().into()),
        }
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        use parquet::column::writer::ColumnWriter;
        let levels = Some(&*self.levels);
        match writer.untyped() {
            ColumnWriter::Int64ColumnWriter(_) => {
                writer.typed::<Int64Type>().write_batch(&self.numbers, levels, None)?;
            }
            ColumnWriter::DoubleColumnWriter(_) => {
                writer.typed::<DoubleType>().write_batch(&self.decimals, levels, None)?;
            }
            ColumnWriter::BoolColumnWriter(_) => {
                writer.typed::<BoolType>().write_batch(&self.flags, levels, None)?;
            }
            _ => {
                writer.typed::<ByteArrayType>().write_batch(&self.texts, levels, None)?;
            }
        }
        *self = Self::default();
        Ok(())
    }
}

fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|column| {
        let (physical, logical) = match column.kind {
            Kind::Integer => (Physical::INT64, None),
            Kind::Decimal => (Physical::DOUBLE, None),
            Kind::Flag => (Physical::BOOLEAN, None),
            Kind::Moment => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            Kind::Bytes => (Physical::BYTE_ARRAY, None),
            // A selected string stands as itself, which is no JSON: to a reader all of it is text.
            Kind::Text | Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        // Where there are bytes nothing has to be spelled in base64.
        let name = if column.kind == Kind::Bytes { "body" } else { &column.name };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?;
        Ok(Arc::new(field))
    });
    let fields = fields.collect::<Result<Vec<_>, ParquetError>>()?;
    Type::group_type_builder("rows").with_fields(fields).build().map(Arc::new)
}

fn properties(about: &str) -> WriterPropertiesPtr {
    let about = KeyValue::new("dragline.query".to_owned(), about.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("dragline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![about]));
    Arc::new(properties.build())
}
